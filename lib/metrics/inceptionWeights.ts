/** The Inception network's weights from a file that the user has. */
import path from "node:path";
import type { NamedHostTensors } from "../engine/types.js";
import { fileHash } from "../files/fileHash.js";
import { weightsHash } from "../files/hostTensors.js";
import { openWeights } from "../files/weightsFile.js";
import { inceptionParams, inceptionStateShapes } from "../models/foreign/inceptionState.js";

/** Which network it is, for people and for comparing statistics. */
export type InceptionIdentity = {
  /** Name of the file. */
  readonly file: string;
  /** SHA-256 of the file. */
  readonly sha256: string;
  /**
   * Whether it is the file that pytorch-fid and torch-fidelity download: its SHA-256 begins as its name
   * (`..-2015-12-05-6726825d.pth`) says, the check that PyTorch makes too. Scores of other files, converted ones among
   * them, are to be reported with this hash.
   */
  readonly known: boolean;
  /** `weightsHash` of the tensors the network reads, the same in whatever kind of file they lie. */
  readonly network: string;
};

export type InceptionWeights = InceptionIdentity & {
  /** Parameters for `inceptionFeatures`, by name. */
  readonly params: NamedHostTensors;
};

/**
 * Reads the network from a file, of torch.save or safetensors, and says which it is; a file with another hash is taken
 * as well.
 * @throws FileError when the file is missing or damaged, or tensors are missing or of another shape or type
 */
export async function readInception(file: string): Promise<InceptionWeights> {
  const sha256 = await fileHash(file);
  const state = await readState(file);
  const params = inceptionParams({ what: file, tensors: state });
  return {
    file: path.basename(file),
    sha256,
    known: isPublishedInception(sha256),
    network: weightsHash(state),
    params,
  };
}

/** Whether a file's SHA-256 is the published one, as far as the published name tells it. */
export function isPublishedInception(sha256: string): boolean {
  return sha256.startsWith(PUBLISHED);
}

const PUBLISHED = "6726825d"; // the first 32 bits

/** Those tensors of the file that the network has a use for. */
async function readState(file: string): Promise<NamedHostTensors> {
  const weights = await openWeights(file);
  try {
    const state: NamedHostTensors = {};
    for (const name of Object.keys(inceptionStateShapes()))
      if (weights.tensors.has(name)) state[name] = await weights.read(name);
    return state;
  } finally {
    await weights.close();
  }
}
