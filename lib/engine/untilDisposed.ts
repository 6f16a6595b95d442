/** The life of a program, from when it was compiled until it is disposed. */
export type UntilDisposed = {
  /** @throws Error once the program is disposed, or is being disposed */
  expectAlive(): void;
  /** Releases what the program holds, once; settles when that is done, however often it is asked for. */
  readonly dispose: () => Promise<void>;
};

/** @param release gives back what the program `name` holds */
export function untilDisposed(name: string, release: () => Promise<void>): UntilDisposed {
  let ended: Promise<void> | undefined;
  return {
    expectAlive() {
      if (ended !== undefined) throw new Error(`${name}: the program was disposed and cannot run`);
    },
    dispose: () => (ended ??= release()),
  };
}
