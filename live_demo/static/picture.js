// A picture that was uploaded, dropped or pasted: made small here, before it is sent, but never
// smaller than what changes nothing for the network. What the browser cannot read is handed to
// the gateway as it is.

const LONGEST = 1024;
// A network sees some 224 pixels a side: three times as many and more of either are left to it.
const SHORTEST = 768;
// The gateway takes messages of up to 1 MiB.
const MOST_BYTES = 1000000;
// Lines lighter than this on nothing are chalk: they are shown on black, as the search does.
const LIGHT = 200;
const OPAQUE = 128;
// What differs by less in every channel is nothing; of more the search decides.
const NOTHING = 4;

// What systems may not know for a picture.
const RAW = /\.(heic|heif|hif|avif|tiff?|dng|cr2|cr3|nef|arw|raf|orf|rw2|pef|srw)$/i;

// Of these a small one that cannot be read is damaged; a large one may only be too large here.
const KNOWN = /^image\/(png|jpeg|webp|gif|bmp)$/;

export class PictureError extends Error {}

// Returns {content, url, modality, isChalk}: the file to send, its address to show, whether
// it is taken for a "sketch" or a "photo", and whether it wants a dark ground. One that the
// browser cannot read has its `file` and the `handle` that the gateway knows it by instead, and how
// often it was handed in anew since it was last found.
export async function read(file) {
  if (!file.type.startsWith("image/") && !RAW.test(file.name)) throw new PictureError("That is no picture.");
  let bitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    if (KNOWN.test(file.type) && file.size < MOST_BYTES) throw new PictureError("The browser cannot read that picture: it is damaged.");
    return { file, handle: await hand(file), renewals: 0, url: "", modality: "photo", isChalk: false };
  }
  const scale = Math.min(1, Math.max(LONGEST / Math.max(bitmap.width, bitmap.height), SHORTEST / Math.min(bitmap.width, bitmap.height)));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [bitmap.width, bitmap.height].map((side) => Math.max(1, Math.round(side * scale)));
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  pen.imageSmoothingQuality = "high";
  pen.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  bitmap.close();
  const { isClear, isChalk } = ink(pen, canvas);
  // What lies on nothing is sent so, and the search chooses the ground.
  const clear = isClear && (await blobOf(canvas, "image/png"));
  lay(pen, canvas, isChalk ? "#000" : "#fff");
  const { isBlank, modality } = look(pen, canvas);
  if (isBlank) throw new PictureError("That picture is blank: there is nothing on it to search for.");
  const blob = clear && clear.size < MOST_BYTES ? clear : await small(canvas);
  if (!blob) throw new PictureError("The browser cannot make that picture smaller.");
  return { content: await blob.arrayBuffer(), url: URL.createObjectURL(blob), modality, isChalk };
}

// Hands a file to the gateway as it is, and returns what it is known by there.
export async function hand(file) {
  let response;
  try {
    response = await fetch("/pictures", { method: "POST", body: file });
  } catch {
    throw new PictureError("The gateway did not take that picture. Try again.");
  }
  const told = await response.json().catch(() => ({}));
  if (response.ok) return told.picture;
  if (response.status === 413) throw new PictureError(`That picture is too large: give one of at most ${Math.floor(told.most_bytes / 2 ** 20)} MB, or a JPEG.`);
  throw new PictureError("The gateway is busy. Try again in a moment.");
}

const blobOf = (canvas, ...format) => new Promise((resolve) => canvas.toBlob(resolve, ...format));

async function small(canvas) {
  for (const quality of [0.95, 0.9, 0.75, 0.5, 0.2]) {
    const blob = await blobOf(canvas, "image/jpeg", quality);
    if (blob && blob.size < MOST_BYTES) return blob;
  }
  return null;
}

// Lays a ground under what is on the canvas.
function lay(pen, { width, height }, ground) {
  pen.globalCompositeOperation = "destination-over";
  pen.fillStyle = ground;
  pen.fillRect(0, 0, width, height);
  pen.globalCompositeOperation = "source-over";
}

// Whether a picture lies on nothing, and whether its lines are light.
function ink(pen, { width, height }) {
  const { data } = pen.getImageData(0, 0, width, height);
  let [light, opaque, isClear] = [0, 0, false];
  for (let i = 0; i < data.length; i += 4) {
    if (data[i + 3] < 255) isClear = true;
    if (data[i + 3] < OPAQUE) continue;
    light += 0.299 * data[i] + 0.587 * data[i + 1] + 0.114 * data[i + 2];
    opaque++;
  }
  return { isClear, isChalk: isClear && light > LIGHT * opaque };
}

// A drawing is mostly one light or dark ground, and grey; a blank picture is nothing else.
function look(pen, { width, height }) {
  const { data } = pen.getImageData(0, 0, width, height);
  const tones = new Uint32Array(16);
  const [low, high] = [[255, 255, 255], [0, 0, 0]];
  let coloured = 0;
  for (let i = 0; i < data.length; i += 4) {
    const [r, g, b] = [data[i], data[i + 1], data[i + 2]];
    tones[(r + g + b) / 48 | 0]++;
    if (Math.max(r, g, b) - Math.min(r, g, b) > 48) coloured++;
    for (let channel = 0; channel < 3; channel++) {
      const value = data[i + channel];
      if (value < low[channel]) low[channel] = value;
      if (value > high[channel]) high[channel] = value;
    }
  }
  const pixels = data.length / 4;
  const ground = Math.max(...tones.map((count, tone) => count + (tones[tone + 1] ?? 0)));
  return {
    isBlank: high.every((value, channel) => value - low[channel] < NOTHING),
    modality: ground / pixels > 0.6 && coloured / pixels < 0.15 ? "sketch" : "photo",
  };
}
