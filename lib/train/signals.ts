/** What signals ask of a running training, to be looked at between steps. */

export type StopSignal = "SIGINT" | "SIGTERM";

export type SignalWatch = {
  /** The signal that asked to save and stop, if one came. */
  readonly stop: StopSignal | undefined;
  /** Whether SIGUSR1 asked to save and go on since the last call. */
  takeSaveRequest(): boolean;
  /** Stops watching. */
  close(): void;
};

/**
 * Watches SIGINT, SIGTERM (the first asks for a stop, a second ends the process at once) and SIGUSR1 (save, go on).
 * @param onStop called once, when the first stop signal arrives
 */
export function watchSignals(onStop: (signal: StopSignal) => void = () => {}): SignalWatch {
  let stop: StopSignal | undefined;
  let saveRequested = false;
  const stopHandlers = (["SIGINT", "SIGTERM"] as const).map((signal) => {
    const handler = () => {
      if (stop) {
        close();
        process.kill(process.pid, signal); // with no handler left, the default: end now
        return;
      }
      stop = signal;
      onStop(signal);
    };
    return [signal, handler] as const;
  });
  const save = () => {
    saveRequested = true;
  };
  const handlers = process.platform === "win32" ? stopHandlers : [...stopHandlers, ["SIGUSR1", save] as const];
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
