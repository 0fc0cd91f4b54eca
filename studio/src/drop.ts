/** Finds songs in what is dropped: files, and folders with everything below them. */

const SUFFIXES =
  /\.(wav|wave|flac|mp3|ogg|oga|opus|m4a|m4b|aac|aif|aiff|aifc|wma|ape|wv|ac3|caf|au|mp4|m4v|mov|mkv|webm|avi|mka)$/i;

/** Return whether a file may hold a song, by its type or its name. */
export function isSong(file: { readonly name: string; readonly type: string }): boolean {
  if (file.name.startsWith(".")) return false;
  return /^(audio|video)\//.test(file.type) || SUFFIXES.test(file.name);
}

async function entriesOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader();
  const all: FileSystemEntry[] = [];
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (some.length === 0) return all; // browsers hand out a hundred at a time
    all.push(...some);
  }
}

async function filesOf(entry: FileSystemEntry): Promise<File[]> {
  if (entry.isFile) {
    const file = new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject));
    return [await file];
  }
  const entries = await entriesOf(entry as FileSystemDirectoryEntry);
  return (await Promise.all(entries.map(filesOf))).flat();
}

/** Return the files of a drop; call it in the event's handler, because afterwards the browser forgets them. */
export async function dropped(data: DataTransfer): Promise<File[]> {
  const items = [...data.items].filter((item) => item.kind === "file");
  const found = items.map((item) => {
    const entry = item.webkitGetAsEntry();
    const file = entry === null ? item.getAsFile() : null;
    return entry !== null ? filesOf(entry) : Promise.resolve(file === null ? [] : [file]);
  });
  const settled = await Promise.allSettled(found);
  return settled.flatMap((result) => (result.status === "fulfilled" ? result.value : []));
}

/** Return the songs of some files in the order of their paths, and how many files are none. */
export function songs(files: readonly File[]): { songs: File[]; others: number } {
  const path = (file: File) => file.webkitRelativePath || file.name;
  const found = files.filter(isSong);
  found.sort((a, b) => path(a).localeCompare(path(b), "en", { numeric: true }));
  return { songs: found, others: files.length - found.length };
}
