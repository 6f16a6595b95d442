import type { PortOptions } from "../../../lib/models/foreign/portNames.js";

/** The golden models of the public port, and what their shapes do not tell. */
export const PORT_MODELS: Readonly<Record<string, PortOptions>> = {
  vitvq_tiny: { headDim: { encoder: 8, decoder: 8 } },
  vitvq_tiny_asym: { headDim: { decoder: 12 }, quantizer: { commitment: 0.4 } },
};
