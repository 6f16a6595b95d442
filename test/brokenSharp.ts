/** Loaded with `--import`: puts a sharp in place that fails as one does whose binary is missing. */
import { register } from "node:module";

const broken = `throw new Error("Could not load the \\"sharp\\" module using the linux-x64 runtime");`;
const hooks = `
export async function resolve(name, context, next) {
  if (name !== "sharp") return next(name, context);
  return { url: ${JSON.stringify(`data:text/javascript,${encodeURIComponent(broken)}`)}, shortCircuit: true };
}`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);
