import "./ask.js";
import "./suggestions.js";
import "./picture.js";
import "./answer.js";
import "./sql.js";
import "./status.js";
import "./watch.js";
import "./library.js";
