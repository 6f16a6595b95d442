import type { HostTensor } from "../../engine/types.js";
import { FileError } from "../../errors.js";
import { sizeOf } from "../../shapes.js";
import { bytesOf } from "../bytes.js";
import { toHostTensor } from "../elements.js";
import type { FileTensor } from "../safetensors.js";
import { TENSOR_ARRAYS, type TensorInfo, type TensorType } from "../safetensorsHeader.js";
import { PickleFault } from "./pickleValues.js";

/** A tensor whose values are still in the file. */
export type LazyTensor = TensorInfo & {
  /**
   * The values, dense and row-major, in the types of `toHostTensor`.
   * @throws FileError when the file became shorter, or a value is beyond float32 or int32
   */
  read(): Promise<HostTensor>;
};

/** A run of elements in a checkpoint; several tensors may be views of it. */
export class TorchStorage {
  constructor(
    /** File and storage, in errors. */
    readonly place: string,
    readonly dtype: TensorType,
    /** Elements. */
    readonly length: number,
    /** Fills bytes from a byte position of the storage. */
    readonly fill: (bytes: Uint8Array, begin: number) => Promise<void>,
  ) {}
}

/** How a tensor lies in its storage, in elements. */
export type TensorView = {
  readonly offset: number;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
};

/** A view of a storage: element `[i, j, ...]` lies at `offset + i * strides[0] + j * strides[1] + ...`. */
export class TorchTensor implements LazyTensor {
  readonly dtype: TensorType;
  readonly shape: readonly number[];
  private readonly elements: number;
  /** Elements from the first to the last, those between that are not the tensor's included. */
  private readonly span: number;

  /** @throws PickleFault when the view is malformed or leaves the storage */
  constructor(
    private readonly storage: TorchStorage,
    private readonly view: TensorView,
  ) {
    expectView(view);
    this.dtype = storage.dtype;
    this.shape = view.shape;
    this.elements = elementsOf(view);
    this.span = spanOf(view);
    if (view.offset + this.span > storage.length) throw leaves(storage, view);
    if (this.elements > Math.max(storage.length, MAX_REPEATED))
      throw new PickleFault(
        `a tensor repeats ${storage.length} elements to [${view.shape.join(", ")}], which is absurd`,
      );
  }

  async read(): Promise<HostTensor> {
    const { dtype, shape, storage, span } = this;
    const elementBytes = TENSOR_ARRAYS[dtype].BYTES_PER_ELEMENT;
    if (Math.max(span, this.elements) * elementBytes > MAX_TENSOR_BYTES)
      throw new FileError(`${storage.place}: a tensor [${shape.join(", ")}] is more than ${MAX_TENSOR_BYTES} bytes`);
    const stored = new TENSOR_ARRAYS[dtype](new ArrayBuffer(span * elementBytes));
    await storage.fill(bytesOf(stored), this.view.offset * elementBytes);
    const data = isDense(this.view) ? stored : gather(stored, this.view, this.elements);
    return toHostTensor(storage.place, { dtype, shape, data } as FileTensor);
  }
}

const MAX_AXES = 64; // as PyTorch has it
const MAX_REPEATED = 2 ** 26; // elements of an expanded tensor (stride 0) that may outnumber its storage
const MAX_TENSOR_BYTES = 2 ** 32; // V8's longest array

function expectView({ offset, shape, strides }: TensorView): void {
  if (!isSizes(shape) || !isSizes(strides) || !isSizes([offset]))
    throw new PickleFault("a tensor whose offset, sizes and strides are not whole numbers >= 0");
  if (shape.length !== strides.length || shape.length > MAX_AXES)
    throw new PickleFault(
      `a tensor of ${shape.length} sizes and ${strides.length} strides; want as many, ${MAX_AXES} at most`,
    );
}

function isSizes(values: unknown): boolean {
  return Array.isArray(values) && values.every((value) => Number.isSafeInteger(value) && value >= 0);
}

function elementsOf({ shape }: TensorView): number {
  return shape.includes(0) ? 0 : sizeOf(shape);
}

function spanOf({ shape, strides }: TensorView): number {
  return shape.includes(0) ? 0 : shape.reduce((last, size, axis) => last + (size - 1) * strides[axis]!, 0) + 1;
}

function leaves(storage: TorchStorage, { offset, shape, strides }: TensorView): PickleFault {
  return new PickleFault(
    `a tensor [${shape.join(", ")}] with strides [${strides.join(", ")}] from ${offset} leaves its storage of ${storage.length}`,
  );
}

/** Whether elements lie in row-major order without holes; axes of size 1 may have any stride. */
function isDense({ shape, strides }: TensorView): boolean {
  let want = 1;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    if (shape[axis] !== 1 && strides[axis] !== want) return false;
    want *= shape[axis]!;
  }
  return true;
}

type ElementArray = FileTensor["data"];

function gather(stored: ElementArray, { shape, strides }: TensorView, elements: number): ElementArray {
  const dense = new (stored.constructor as new (length: number) => ElementArray)(elements);
  const index = shape.map(() => 0);
  let from = 0;
  for (let to = 0; to < elements; to++) {
    dense[to] = stored[from]!;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      from += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      from -= shape[axis]! * strides[axis]!;
      index[axis] = 0;
    }
  }
  return dense;
}
