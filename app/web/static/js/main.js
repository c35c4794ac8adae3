import "./player.js";
import "./search.js";
