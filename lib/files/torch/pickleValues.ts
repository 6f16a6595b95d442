/** What pickles hold besides plain values: names of classes, and objects of classes that are not known here. */

/** A class or function that a pickle names: a name, nothing that could be called. */
export class PyGlobal {
  constructor(
    readonly module: string,
    readonly name: string,
  ) {}

  /** `module.name` */
  toString(): string {
    return `${this.module}.${this.name}`;
  }
}

/** An object of a class that is not on the allow-list: how Python would have made it. */
export class PyObject {
  /** What `__setstate__` would have been given. */
  state: unknown = undefined;
  /** Items that were set, for subclasses of dict. */
  readonly items: Map<unknown, unknown> = new Map();
  /** Elements that were appended or added, for subclasses of list and set. */
  readonly elements: unknown[] = [];

  constructor(
    /** The class or function that would have been called. */
    readonly callee: unknown,
    readonly args: readonly unknown[],
  ) {}
}

/** What a maker or step throws at a pickle that makes no sense; `unpickle` adds the place. */
export class PickleFault extends Error {}
