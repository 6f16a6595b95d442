import path from "node:path";
import { DataError } from "../errors.js";
import { imagesOf } from "./fileTable.js";
import { addTree, type Folder, IMAGE_EXTENSIONS, ImageList, listFolder } from "./scan.js";
import type { ImageSource } from "./source.js";

/**
 * A folder as images: class folders if any of its folders holds an image, else the images it holds itself.
 * @throws DataError when it holds no images, or both images of its own and folders of images
 */
export async function folderSource(root: string): Promise<ImageSource> {
  const top = await listFolder(root);
  const found = await listClasses(root, top);
  if (found.classNames.length === 0) return flatSource(root, top, found);
  if (top.images.length > 0) throw mixed(root, top, found.classNames);
  const { images, classNames, labels } = found;
  const files = images.table(root, labels);
  return {
    ...imagesOf(files),
    kind: "classes",
    classNames,
    ignored: {
      files: images.otherFiles + top.others,
      pictures: images.otherPictures + top.otherPictures,
      folders: found.empty,
    },
    files,
  };
}

/** One image file as a source of its own. */
export function singleImageSource(file: string): ImageSource {
  return {
    path: file,
    kind: "folder",
    count: 1,
    ignored: { files: 0, pictures: 0, folders: [] },
    label: () => -1,
    name: () => path.basename(file),
    input: () => ({ file }),
  };
}

type Classes = { images: ImageList; classNames: string[]; labels: number[]; empty: string[] };

async function listClasses(root: string, top: Folder): Promise<Classes> {
  const found: Classes = { images: new ImageList(), classNames: [], labels: [], empty: [] };
  for (const folder of top.folders) {
    await addTree(found.images, root, folder);
    const from = found.labels.length;
    if (found.images.count === from) {
      found.empty.push(folder.name);
      continue;
    }
    const label = found.classNames.push(folder.name) - 1;
    for (let i = from; i < found.images.count; i++) found.labels.push(label);
    if (top.images.length > 0) break; // an error already: no need to list the rest
  }
  return found;
}

function flatSource(root: string, top: Folder, { images, empty }: Classes): ImageSource {
  images.add(top, "");
  if (images.count === 0) throw noImages(root, top, images.otherFiles);
  const files = images.table(root);
  return {
    ...imagesOf(files),
    kind: "folder",
    ignored: { files: images.otherFiles, pictures: images.otherPictures, folders: empty },
    files,
  };
}

function noImages(root: string, top: Folder, others: number): DataError {
  const instead =
    others === 0
      ? "it holds no files at all"
      : `it holds ${others} other file${others === 1 ? "" : "s"}${top.firstOther ? `, for instance ${top.firstOther}` : ""}`;
  return new DataError(`no images in ${root}: ${instead}; read are ${IMAGE_EXTENSIONS.join(" ")}`);
}

function mixed(root: string, top: Folder, classNames: readonly string[]): DataError {
  return new DataError(
    `${root} holds both images (${top.images.length}, for instance ${top.images[0]}) and folders of images ` +
      `(for instance ${classNames[0]}): put every image into a class folder, or name the folder that is meant`,
  );
}
