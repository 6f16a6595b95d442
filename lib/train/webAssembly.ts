/**
 * As much of WebAssembly's binary format as `vectorKernel.ts` writes.
 * Source: WebAssembly core specification 2.0, section 5; numbers of instructions are those of section 5.4.
 */

/** TypeScript counts it to the DOM. */
declare const WebAssembly: {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
};

/** Instructions; those on vectors take four float32 at once. */
export const OP = {
  loop: [0x03, 0x40],
  end: [0x0b],
  branchIf: [0x0d],
  get: [0x20],
  set: [0x21],
  tee: [0x22],
  constant: [0x41],
  isBelow: [0x49],
  plus: [0x6a],
  load: [0xfd, 0x00],
  store: [0xfd, 0x0b],
  splat: [0xfd, 0x13],
  sqrt: [0xfd, 0xe3, 0x01],
  add: [0xfd, 0xe4, 0x01],
  sub: [0xfd, 0xe5, 0x01],
  mul: [0xfd, 0xe6, 0x01],
  div: [0xfd, 0xe7, 0x01],
} as const;

const TYPE = { i32: 0x7f, f32: 0x7d, v128: 0x7b } as const;
const PAGE = 65536; // bytes

export type FunctionCode = {
  /** How many float32 it takes, after an i32. */
  readonly numbers: number;
  /** Its local vectors, which come after the parameters and one i32. */
  readonly vectors: number;
  readonly code: readonly number[];
};

/** An instance of a module with a memory of at least `bytes` bytes and one function. */
export function instantiate(
  { numbers, vectors, code }: FunctionCode,
  bytes: number,
): { readonly run: (count: number, ...numbers: number[]) => void; readonly memory: { readonly buffer: ArrayBuffer } } {
  const parameters = [TYPE.i32, ...new Array<number>(numbers).fill(TYPE.f32)];
  const body = [2, 1, TYPE.i32, ...unsigned(vectors), TYPE.v128, ...code];
  const module = Uint8Array.from([
    ...[0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [1, 0x60, ...unsigned(parameters.length), ...parameters, 0]),
    ...section(3, [1, 0]),
    ...section(5, [1, 0, ...unsigned(Math.ceil(bytes / PAGE))]),
    ...section(7, [2, ...text("run"), 0, 0, ...text("memory"), 2, 0]),
    ...section(10, [1, ...unsigned(body.length), ...body]),
  ]);
  return new WebAssembly.Instance(new WebAssembly.Module(module)).exports as ReturnType<typeof instantiate>;
}

const section = (id: number, content: readonly number[]) => [id, ...unsigned(content.length), ...content];

const text = (name: string) => [name.length, ...Buffer.from(name)];

/** LEB128. */
export function unsigned(value: number): number[] {
  return value < 128 ? [value] : [(value % 128) + 128, ...unsigned(Math.floor(value / 128))];
}
