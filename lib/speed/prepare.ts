import type { Means, Prepared } from "./measurement.js";
import type { MeasurementName } from "./names.js";

/** Makes a measurement ready; what it does not need is not loaded, so that its memory is its own. */
export async function prepare(name: MeasurementName, means: Means): Promise<Prepared> {
  switch (name) {
    case "train-vq-ae":
      return (await import("./training.js")).tokenizerTraining(means, "ae");
    case "train-vq-full":
      return (await import("./training.js")).tokenizerTraining(means, "full");
    case "train-vim":
      return (await import("./training.js")).priorTraining(means);
    case "encode":
      return (await import("./coding.js")).encoding(means);
    case "decode":
      return (await import("./coding.js")).decoding(means);
    case "sample-1":
      return (await import("./drawing.js")).drawing(means, 1);
    case "sample-8":
      return (await import("./drawing.js")).drawing(means, 8);
    case "sample-32":
      return (await import("./drawing.js")).drawing(means, 32);
    case "data":
      return (await import("./loading.js")).loading(means);
    case "start-node":
      return (await import("./starting.js")).starting(["-e", "0"]);
    case "start-help":
      return (await import("./starting.js")).starting([means.binary, "--help"]);
    case "start-sample-help":
      return (await import("./starting.js")).starting([means.binary, "sample", "--help"]);
  }
}
