// The embedded pictures: base64 text in the page until somebody wants to see them.

const blobs = new Map();  // id -> Promise of {url, blob}, or null when there is none

// The pictures stand behind this script in the file; they are there once the page is parsed.
const parsed = new Promise((resolve) => {
  if (document.readyState !== "loading")
    resolve();
  else
    document.addEventListener("DOMContentLoaded", resolve, {once: true});
});

function imageId(picture, file) {
  const entry = embedded[picture];
  if (!entry) return null;
  return file < 0 ? entry.original : entry.files[file];
}

async function decode(id) {
  await parsed;
  const holder = document.getElementById(id);
  if (!holder) return null;
  const text = atob(holder.textContent.trim());
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; ++i) bytes[i] = text.charCodeAt(i);
  const blob = new Blob([bytes], {type: holder.dataset.type});
  return {blob, url: URL.createObjectURL(blob)};
}

// file: index into matched[].files, -1 for the original.
function loadImage(picture, file) {
  const id = imageId(picture, file);
  if (!id) return Promise.resolve(null);
  if (!blobs.has(id)) blobs.set(id, decode(id));
  return blobs.get(id);
}

// Pictures of other pages would fill a phone's memory.
function forgetImages() {
  for (const loading of blobs.values())
    loading.then((image) => image && URL.revokeObjectURL(image.url));
  blobs.clear();
}

// Samples as the browser decodes them, without colour conversion.
async function pixels(image, width, height) {
  const bitmap = await createImageBitmap(image.blob, {colorSpaceConversion: "none"});
  const canvas = element("canvas", {width, height});
  const context = canvas.getContext("2d", {willReadFrequently: true});
  context.drawImage(bitmap, 0, 0);
  bitmap.close();
  return context.getImageData(0, 0, width, height).data;
}
