/** Random shapes, axes and operands for engine cases, repeatable from a seed. */
import { rngFrom, streamSeed } from "../../../lib/random.js";
import { sizeOf } from "../../../lib/shapes.js";
import type { Operand } from "./compareEngines.js";

export type Draw = ReturnType<typeof drawFrom>;

type OperandOptions = {
  readonly dtype?: Operand["dtype"];
  /** Drawn at random when absent, inputs most often. */
  readonly form?: Operand["form"];
  /** Draws one element. */
  readonly value?: () => number;
};

const UNIFORM = { float32: [0, 1, -1, 0.5, 3], int32: [0, 1, -1, 2], bool: [0, 1] } as const;

/** Draws that depend on `seed` and `name` alone. */
export function drawFrom(seed: number, name: string) {
  const rng = rngFrom(streamSeed(seed, name));
  const chance = (p: number): boolean => rng.uniform() < p;
  const integer = (from: number, to: number): number => from + rng.integer(to - from + 1);
  const pick = <T>(list: readonly T[]): T => list[rng.integer(list.length)]!;

  /** Rank between the bounds; sizes 1 to 5, smaller for high ranks. */
  const shape = (minRank = 0, maxRank = 6): number[] => {
    const rank = integer(minRank, maxRank);
    const largest = rank <= 3 ? 5 : rank === 4 ? 4 : 3;
    return Array.from({ length: rank }, () => (chance(0.2) ? 1 : integer(1, largest)));
  };

  /** A shape that broadcasts to `whole`: some axes 1, some leading axes absent. */
  const narrowed = (whole: readonly number[]): number[] => {
    const dims = whole.map((dim) => (chance(0.4) ? 1 : dim));
    return chance(0.5) ? dims : dims.slice(integer(0, dims.length));
  };

  /** Some axes of a tensor of rank `rank`, in any order, each counted from the front or from the back. */
  const axes = (rank: number): number[] => {
    const chosen = shuffled(Array.from({ length: rank }, (_, i) => i)).slice(0, integer(0, rank));
    return chosen.map((axis) => (chance(0.5) ? axis : axis - rank));
  };

  const shuffled = <T>(list: readonly T[]): T[] => {
    const order = [...list];
    for (let i = order.length - 1; i > 0; i--) {
      const j = rng.integer(i + 1);
      [order[i], order[j]] = [order[j]!, order[i]!];
    }
    return order;
  };

  const element = {
    float32: () => Math.fround(rng.normal()),
    int32: () => integer(-5, 5),
    bool: () => integer(0, 1),
  } as const;

  const operand = (
    shape: readonly number[],
    { dtype = "float32", form = drawForm(), value = element[dtype] }: OperandOptions = {},
  ): Operand => {
    const stored = form === "spread" ? narrowed(shape) : shape;
    const size = sizeOf(stored);
    return { dtype, shape, form, stored, values: Array.from({ length: size }, value) };
  };

  const drawForm = (): Operand["form"] => (chance(0.6) ? "input" : chance(0.6) ? "spread" : "constant");

  /** A constant that holds one number throughout, often one that operations with it simplify. */
  const uniform = (shape: readonly number[], dtype: Operand["dtype"] = "float32"): Operand => {
    const value = pick<number>(UNIFORM[dtype]);
    return operand(shape, { dtype, form: "constant", value: () => value });
  };

  return {
    axes,
    chance,
    integer,
    narrowed,
    normal: () => Math.fround(rng.normal()),
    operand,
    pick,
    shape,
    shuffled,
    uniform,
    /** Uniform in [from, to). */
    real: (from: number, to: number) => Math.fround(from + (to - from) * rng.uniform()),
  };
}

/** An operand with exactly these elements, fed to the program. */
export function given(
  values: readonly number[],
  shape: readonly number[] = [values.length],
  dtype: Operand["dtype"] = "float32",
): Operand {
  return { dtype, shape, form: "input", stored: shape, values };
}

/** `count` cases, each made by `make`. */
export function repeat<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

/** The shape as failures show it. */
export const show = (shape: readonly number[]): string => `[${shape.join(", ")}]`;

/** An operand as failures show it. */
export const describe = ({ dtype, shape, form, stored }: Operand): string =>
  `${dtype} ${show(shape)} ${form}${form === "spread" ? ` of ${show(stored)}` : ""}`;
