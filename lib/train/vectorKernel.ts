/**
 * Formulas over the elements of float32 arrays, compiled to WebAssembly: four elements at once, where JavaScript takes one and
 * computes it in float64. An update of all weights is such a formula, and takes little more time than moving its memory then.
 *
 * Arrays stay where they are. A piece of each is copied into the kernel's memory, which fits into the processor's cache, and the
 * piece of those that change is copied back.
 */
import { instantiate, OP, unsigned } from "./webAssembly.js";

/** A value of every element, while a formula is written: the local variable that holds it. */
type Value = number & { readonly kind: "value" };

/** What formulas consist of. Every result is rounded to float32. */
type Arithmetic = {
  readonly [operation in "add" | "sub" | "mul" | "div"]: (a: Value, b: Value) => Value;
} & { readonly sqrt: (a: Value) => Value };

type Names<A extends string, N extends string> = { readonly arrays: readonly A[]; readonly numbers: readonly N[] };

type Formula<A extends string, N extends string> = (
  arithmetic: Arithmetic,
  values: Readonly<Record<A | N, Value>>,
) => { readonly [name in A]?: Value };

export type VectorKernel<A extends string, N extends string> = (
  arrays: Readonly<Record<A, Float32Array>>,
  numbers: Readonly<Record<N, number>>,
) => void;

/** Elements that are copied together: a piece of four arrays, 256 KB, fits into the second cache. */
const PIECE = 16384;

/**
 * A kernel that changes arrays in place, all of one length. It is compiled when it is first called.
 * @param names of the arrays, and of the numbers that are the same for all elements
 * @param formula what the arrays become, by name; those that it leaves out stay as they are
 * @returns the kernel, which throws a RangeError for arrays that are not of one length
 */
export function vectorKernel<A extends string, N extends string>(
  names: Names<A, N>,
  formula: Formula<A, N>,
): VectorKernel<A, N> {
  let compiled: Compiled | undefined;
  return (arrays, numbers) => {
    compiled ??= compile(names, formula);
    const { run, pieces, changed } = compiled;
    const given = names.numbers.map((name) => numbers[name]);
    const sides = names.arrays.map((name, i) => ({ whole: arrays[name], piece: pieces[i]!, back: changed.has(name) }));
    const { length } = sides[0]!.whole;
    for (const [i, { whole }] of sides.entries())
      if (whole.length !== length)
        throw new RangeError(
          `kernel: want ${length} of ${names.arrays[i]} as of ${names.arrays[0]}, got ${whole.length}`,
        );
    for (let from = 0; from < length; from += PIECE) {
      const count = Math.min(PIECE, length - from);
      for (const { whole, piece } of sides) piece.set(whole.subarray(from, from + count));
      run(4 * count, ...given);
      for (const { whole, piece, back } of sides)
        if (back) whole.set(count === PIECE ? piece : piece.subarray(0, count), from);
    }
  };
}

type Compiled = {
  /** Computes the first `bytes` of the pieces, and up to three elements behind them. */
  readonly run: (bytes: number, ...numbers: number[]) => void;
  readonly pieces: readonly Float32Array[];
  readonly changed: ReadonlySet<string>;
};

const VECTOR = 16; // bytes of four elements

/** Parameters are `bytes` and the numbers; the local variables behind them the place in the pieces, and vectors. */
function compile<A extends string, N extends string>(
  { arrays, numbers }: Names<A, N>,
  formula: Formula<A, N>,
): Compiled {
  const place = 1 + numbers.length;
  const pieceOf = (array: number) => 4 * PIECE * array; // where it begins in memory
  const write = new Writer(place + 1);
  const spread = numbers.map((name, i) => [name, write.value(get(1 + i), OP.splat)] as const);
  write.code.push(...OP.loop);
  const loaded = arrays.map((name, i) => [name, write.value(get(place), OP.load, operand(pieceOf(i)))] as const);
  const results = formula(write.arithmetic(), Object.fromEntries([...spread, ...loaded]) as Record<A | N, Value>);
  for (const [i, name] of arrays.entries()) {
    const result = results[name];
    if (result !== undefined) write.code.push(...get(place), ...get(result), ...OP.store, ...operand(pieceOf(i)));
  }
  write.code.push(...get(place), ...OP.constant, VECTOR, ...OP.plus, ...OP.tee, ...unsigned(place));
  write.code.push(...get(0), ...OP.isBelow, ...OP.branchIf, 0, ...OP.end, ...OP.end);
  const { run, memory } = instantiate({ numbers: numbers.length, ...write }, pieceOf(arrays.length));
  return {
    run,
    pieces: arrays.map((_, i) => new Float32Array(memory.buffer, pieceOf(i), PIECE)),
    changed: new Set(arrays.filter((name) => results[name] !== undefined)),
  };
}

/** Writes code that gives every vector a local variable of its own. */
class Writer {
  readonly code: number[] = [];
  vectors = 0;

  /** @param first number of the first variable that is free */
  constructor(private readonly first: number) {}

  /** The value that `instructions` leave. */
  value(...instructions: readonly (readonly number[])[]): Value {
    const local = this.first + this.vectors++;
    this.code.push(...instructions.flat(), ...OP.set, ...unsigned(local));
    return local as Value;
  }

  arithmetic(): Arithmetic {
    const operation =
      (op: readonly number[]) =>
      (...operands: Value[]): Value =>
        this.value(...operands.map(get), op);
    const { add, sub, mul, div, sqrt } = OP;
    return {
      add: operation(add),
      sub: operation(sub),
      mul: operation(mul),
      div: operation(div),
      sqrt: operation(sqrt),
    };
  }
}

const get = (local: number) => [...OP.get, ...unsigned(local)];

/** In memory `offset` bytes behind the index, aligned to 2^4. */
const operand = (offset: number) => [4, ...unsigned(offset)];
