import type * as tf from "@tensorflow/tfjs";

/** Element types that steps use; codes and labels are int32, everything else float32. */
export type DType = "float32" | "int32";

/** What the operands of matrix products are rounded to; everything else is float32 in any case, sums of products too. */
export type Precision = "float32" | "float16";

/** A dense row-major tensor in host memory, which on CPU is also the engine's own buffer (it is not copied in). */
export type HostTensor = {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
};

/** Shape and type of a step input. A string dimension varies from run to run (`"t"`, the filled part of a KV cache). */
export type TensorSpec = { readonly dtype: DType; readonly shape: readonly (number | string)[] };

/** Tensors by name, as steps take and return them. */
export type NamedTensors = Record<string, tf.Tensor>;

/** Host tensors by name. */
export type NamedHostTensors = Record<string, HostTensor>;

/**
 * A pure function of named tensors, written with the tfjs API: parameters, batch and scalars in, results out.
 * It is called once to trace a graph (ONNX Runtime) or at every run (TensorFlow), so it must not read tensor values.
 */
export type Step = (inputs: NamedTensors) => NamedTensors;

/** How to build a program from a step. */
export type StepOptions = {
  /** Name in errors, profiles and saved graphs. */
  readonly name: string;
  readonly inputs: Readonly<Record<string, TensorSpec>>;
  /** Inputs fixed for the program's life (weights at inference): the engine may prepack them. */
  readonly constants?: NamedHostTensors;
  /** Whether an engine that has copies of the constants gives their memory back: their data are empty then. */
  readonly givesUpConstants?: boolean;
  /**
   * How many runs are to go on side by side, each on its share of the threads; 1 if absent. Engines without lanes take no
   * notice.
   */
  readonly lanes?: number;
};

/** A compiled step. */
export interface Program {
  readonly name: string;
  /** Runs that go on side by side; 1 if absent. Further ones may be started, and wait. */
  readonly lanes?: number;
  /** @throws RangeError when an input is missing, unknown or of another shape or type */
  run(inputs: NamedHostTensors): Promise<NamedHostTensors>;
  dispose(): Promise<void>;
}

/** Something that runs steps. */
export interface Engine {
  readonly name: "onnxruntime" | "tensorflow";
  readonly device: string;
  /** float32 if absent. Gradients that float16 products make want a loss that is scaled: `train/lossScale.ts`. */
  readonly precision?: Precision;
  /** Threads of an operation, which lanes share; absent where there are no lanes. */
  readonly laneThreads?: number;
  compile(step: Step, options: StepOptions): Promise<Program>;
  /** Where tensors can stay on the device between steps; absent where that is host memory anyway. */
  readonly resident?: Resident;
  /** Steps run many times in a call, where tensors cannot stay on the device between two; else absent. */
  readonly repeated?: Repeated;
}

/** A tensor that stays where the engine computes: only programs of that engine can read it. */
export interface DeviceTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Gives its memory back; it must not be used afterwards. */
  dispose(): void;
}

/** Device tensors by name. */
export type NamedDeviceTensors = Record<string, DeviceTensor>;

/**
 * A compiled step of which some inputs and results stay on the device. It owns the memory of those results: it must be
 * disposed after the last of them was read.
 */
export interface ResidentProgram {
  readonly name: string;
  /** @throws RangeError when an input is missing, unknown or of another shape or type */
  run(
    inputs: Record<string, HostTensor | DeviceTensor>,
  ): Promise<{ readonly host: NamedHostTensors; readonly device: NamedDeviceTensors }>;
  dispose(): Promise<void>;
}

/** What an engine whose device has memory of its own adds: state that is not copied at every step. */
export interface Resident {
  /** @param stays which results, by name, stay on the device; none if absent, the others come to the host */
  compile(step: Step, options: StepOptions, stays?: (result: string) => boolean): Promise<ResidentProgram>;
  /** Copies tensors to the device. */
  place(tensors: NamedHostTensors): Promise<NamedDeviceTensors>;
  /** Copies tensors to the host; those of the device remain. */
  fetch(tensors: NamedDeviceTensors): Promise<NamedHostTensors>;
}

/** What becomes of a step's inputs when one call runs it several times. */
export type Repetition = {
  /** Inputs that are carried from run to run: the result that each of them is in the next run. */
  readonly next: Readonly<Record<string, string>>;
  /** Inputs that differ from run to run. The others are the same for all. */
  readonly each: readonly string[];
};

/** A compiled step that one call runs several times. */
export interface RepeatedProgram {
  readonly name: string;
  /**
   * Runs the step once for every entry of `each`.
   * @param inputs what is carried, before the first run, and what all runs share
   * @returns `carried`, after the last run, by the names of its inputs, and what else every run gave
   * @throws RangeError when an input is missing, unknown or of another shape or type
   */
  run(
    inputs: NamedHostTensors,
    each: readonly NamedHostTensors[],
  ): Promise<{ readonly carried: NamedHostTensors; readonly results: readonly NamedHostTensors[] }>;
  dispose(): Promise<void>;
}

/** What an engine adds whose device keeps tensors within a call alone. */
export interface Repeated {
  /** @throws RangeError when nothing differs from run to run, or a carried input has no result to follow it */
  compile(step: Step, options: StepOptions, repetition: Repetition): Promise<RepeatedProgram>;
}
