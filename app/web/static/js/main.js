import "./ask.js";
import "./suggestions.js";
import "./picture.js";
import "./answer.js";
import "./player.js";
import "./status.js";
import "./watch.js";
import "./library.js";
