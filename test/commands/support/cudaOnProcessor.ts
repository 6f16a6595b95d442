/**
 * Loaded before the program (`--import`): sessions for CUDA run on the processor, so that all but the device itself is tried
 * where there is none.
 */
import { createRequire } from "node:module";
import type { InferenceSession } from "onnxruntime-node";

const { InferenceSession: sessions } = createRequire(import.meta.url)("onnxruntime-node") as {
  InferenceSession: { create(model: unknown, options: InferenceSession.SessionOptions): Promise<InferenceSession> };
};
const create = sessions.create.bind(sessions);

sessions.create = (model, options) => {
  const { executionProviders: [provider] = [], extra } = options;
  if (provider !== "cuda") return create(model, options);
  const { disable_cpu_ep_fallback: _, ...session } = (extra?.["session"] ?? {}) as Record<string, unknown>;
  return create(model, { ...options, executionProviders: ["cpu"], extra: { ...extra, session } });
};
