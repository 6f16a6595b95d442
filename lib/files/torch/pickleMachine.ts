import type { ByteCursor } from "../byteCursor.js";
import { PickleFault, PyGlobal, PyObject } from "./pickleValues.js";

/** Makes a value from the arguments of an allowed class or function; undefined leaves it a `PyObject`. */
export type Maker = (args: readonly unknown[]) => unknown;

export type UnpickleOptions = {
  /** By `module.name`. */
  readonly allowed: ReadonlyMap<string, Maker>;
  /** The value of a persistent id. */
  readonly persistent: (id: unknown) => unknown;
};

/** The stack, marks and memo that opcodes work on. */
export class PickleMachine {
  private readonly stack: unknown[] = [];
  private readonly marks: number[] = [];
  private readonly memo = new Map<number, unknown>();

  constructor(
    readonly bytes: ByteCursor,
    private readonly options: UnpickleOptions,
  ) {}

  push(value: unknown): void {
    this.stack.push(value);
  }

  pop(): unknown {
    this.expectAboveMark();
    return this.stack.pop();
  }

  top(): unknown {
    this.expectAboveMark();
    return this.stack.at(-1);
  }

  /** The topmost `count` values, lowest first. */
  popMany(count: number): unknown[] {
    return Array.from({ length: count }, () => this.pop()).reverse();
  }

  mark(): void {
    this.marks.push(this.stack.length);
  }

  /** Everything above the last mark, lowest first; the mark goes too. */
  popToMark(): unknown[] {
    const mark = this.marks.pop();
    if (mark === undefined) throw new PickleFault("no mark on the stack");
    return this.stack.splice(mark);
  }

  /** Drops the topmost value, or the mark if that is on top. */
  drop(): void {
    if (this.marks.at(-1) === this.stack.length && this.marks.length > 0) this.marks.pop();
    else this.pop();
  }

  /** Keeps the topmost value for `recall`; without an index, under the next. */
  memoize(index = this.memo.size): void {
    this.memo.set(index, this.top());
  }

  recall(index: number): void {
    if (!this.memo.has(index)) throw new PickleFault(`nothing was kept under ${index}`);
    this.push(this.memo.get(index));
  }

  /** What calling `callee` gives: by the allow-list, or a `PyObject`. */
  call(callee: unknown, args: unknown): unknown {
    if (!Array.isArray(args)) throw new PickleFault("a call whose arguments are no tuple");
    const maker = callee instanceof PyGlobal ? this.options.allowed.get(String(callee)) : undefined;
    return maker?.(args) ?? new PyObject(callee, args);
  }

  persistent(id: unknown): unknown {
    return this.options.persistent(id);
  }

  private expectAboveMark(): void {
    if (this.stack.length <= (this.marks.at(-1) ?? 0)) throw new PickleFault("nothing on the stack");
  }
}
