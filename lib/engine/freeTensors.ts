/** Memory of tensors that is given back at once. */
import { MessageChannel, type MessagePort } from "node:worker_threads";
import type { NamedHostTensors } from "./types.js";

/** Where memory is handed over to nobody. */
let nowhere: MessagePort | undefined;

/**
 * Gives the memory of tensors back now, and not when garbage is collected: their data are empty afterwards. Else the
 * results of a step would stay until the next one has made as many again, and weights for as long as anything knows them. Each
 * tensor must have its memory for itself.
 */
export function freeTensors(tensors: NamedHostTensors): void {
  nowhere ??= deadEnd();
  nowhere.postMessage(
    undefined,
    Object.values(tensors).map(({ data }) => data.buffer as ArrayBuffer),
  );
}

/** A port whose messages arrive nowhere. */
function deadEnd(): MessagePort {
  const { port1, port2 } = new MessageChannel();
  port2.close();
  return port1;
}
