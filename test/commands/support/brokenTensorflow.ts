/** Loaded with `--import`: puts a TensorFlow package in place that throws what tfjs-node does where Node lacks a function. */
import { register } from "node:module";

const broken = `throw new TypeError("(0 , util_1.isNullOrUndefined) is not a function");`;
const hooks = `
export async function resolve(name, context, next) {
  if (!name.startsWith("@tensorflow/tfjs-node")) return next(name, context);
  return { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(broken)}`)}, shortCircuit: true };
}`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);
