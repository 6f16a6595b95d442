/** Loaded with `--import`: writes the URL of every ES module that is loaded afterwards to the file $LOADS_FILE. */
import { register } from "node:module";

const hooks = `
import { appendFileSync } from "node:fs";
export async function load(url, context, next) {
  appendFileSync(process.env.LOADS_FILE, url + "\\n");
  return next(url, context);
}`;

register(`data:text/javascript,${encodeURIComponent(hooks)}`);
