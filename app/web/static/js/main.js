import "./player.js";
import "./search.js";
import "./status.js";
