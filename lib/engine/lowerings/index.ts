/** Importing this module teaches the tracer every kernel it knows. */
import "./elementwise.js";
import "./fused.js";
import "./indexing.js";
import "./matmul.js";
import "./reductions.js";
import "./shapes.js";
