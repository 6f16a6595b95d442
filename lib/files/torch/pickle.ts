/**
 * Python pickles as data: nothing in them is ever run. Classes and functions are names; calling one gives what an
 * allow-list makes of the arguments, or else a `PyObject` that keeps them.
 *
 * | Python | here |
 * |---|---|
 * | None, bool, float, str | null, boolean, number, string |
 * | int | number, or bigint beyond 2^53 |
 * | bytes, bytearray | Uint8Array |
 * | list, tuple | array |
 * | dict | Map |
 * | set, frozenset | Set |
 * | a class or function | `PyGlobal` |
 * | any other object | `PyObject` |
 *
 * Source: cpython/Lib/pickletools.py; protocols 0 to 5 but for extension codes, out-of-band buffers and textual
 * persistent ids.
 */
import { FileError } from "../../errors.js";
import type { ByteCursor } from "../byteCursor.js";
import { PickleMachine, type UnpickleOptions } from "./pickleMachine.js";
import { STEPS } from "./pickleSteps.js";
import { PickleFault } from "./pickleValues.js";

/**
 * Reads one pickle and leaves the cursor behind it.
 * @throws FileError when it is truncated, damaged, of an unknown protocol or absurdly long
 */
export function unpickle(bytes: ByteCursor, options: UnpickleOptions): unknown {
  const machine = new PickleMachine(bytes, options);
  for (let count = 0; count < MAX_STEPS; count++) {
    const start = bytes.position;
    const code = bytes.byte();
    try {
      if (code === STOP) return machine.pop();
      const step = STEPS.get(code);
      if (!step) throw new PickleFault(`unknown opcode 0x${code.toString(16).padStart(2, "0")}`);
      step(machine);
    } catch (error) {
      if (!(error instanceof PickleFault)) throw error;
      throw new FileError(`${bytes.place}: damaged, or no pickle of PyTorch's: ${error.message} (at byte ${start})`);
    }
  }
  throw new FileError(`${bytes.place}: a pickle of over ${MAX_STEPS} opcodes is absurd`);
}

const STOP = 0x2e;
const MAX_STEPS = 2 ** 24; // what a Map or array of V8 can hold; real checkpoints take thousands
