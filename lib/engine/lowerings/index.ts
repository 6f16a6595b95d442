/** Importing this module teaches the tracer every kernel it knows. */
import "./attention.js";
import "./convolution.js";
import "./depthwise.js";
import "./dropout.js";
import "./elementwise.js";
import "./fused.js";
import "./indexing.js";
import "./matmul.js";
import "./order.js";
import "./pooling.js";
import "./reductions.js";
import "./shapes.js";
