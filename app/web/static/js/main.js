import "./player.js";
import "./search.js";
import "./status.js";
import "./watch.js";
import "./library.js";
