/** What signals ask of a running training, to be looked at between steps. */
import type { StopSignal } from "../errors.js";
import { hasTerminal } from "../terminal.js";

export type SignalWatch = {
  /** The signal that asked to save and stop, if one came. */
  readonly stop: StopSignal | undefined;
  /** Whether SIGUSR1 asked to save and go on since the last call. */
  takeSaveRequest(): boolean;
  /** Stops watching. */
  close(): void;
};

/**
 * Watches SIGINT, SIGTERM (the first asks for a stop, a second ends the process at once) and SIGUSR1 (save, go on). SIGHUP asks
 * for a stop where there is a terminal, which is gone then; it may come twice, from the terminal and from a shell, and ends nothing
 * at once.
 * @param onStop called once, when the first stop signal arrives
 * @param terminal whether input or output of the process is a terminal
 */
export function watchSignals(onStop: (signal: StopSignal) => void = () => {}, terminal = hasTerminal()): SignalWatch {
  let stop: StopSignal | undefined;
  let saveRequested = false;
  const ask = (signal: StopSignal) => {
    if (stop) return;
    stop = signal;
    onStop(signal);
  };
  const insist = (signal: StopSignal) => {
    if (!stop) return ask(signal);
    close();
    process.kill(process.pid, signal); // with no handler left, the default: end now
  };
  const save = () => {
    saveRequested = true;
  };
  const handlers = [
    ["SIGINT", () => insist("SIGINT")],
    ["SIGTERM", () => insist("SIGTERM")],
    ...(terminal ? [["SIGHUP", () => ask("SIGHUP")] as const] : []),
    ...(process.platform === "win32" ? [] : [["SIGUSR1", save] as const]),
  ] as const;
  for (const [signal, handler] of handlers) process.on(signal, handler);
  const close = () => {
    for (const [signal, handler] of handlers) process.off(signal, handler);
  };
  return {
    get stop() {
      return stop;
    },
    takeSaveRequest() {
      const requested = saveRequested;
      saveRequested = false;
      return requested;
    },
    close,
  };
}
