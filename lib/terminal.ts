import { isatty } from "node:tty";

/** Whether input, output or messages of this process are a terminal's, whose end is its own then. */
export function hasTerminal(): boolean {
  return [0, 1, 2].some((descriptor) => isatty(descriptor));
}
