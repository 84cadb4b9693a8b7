/** Sizes in CSS pixels. */
export interface Grid {
  columns: number;
  rows: number;
  tileWidth: number;
  tileHeight: number;
}

const aspect = 16 / 9;

/** The grid of equal 16:9 tiles that makes `count` tiles largest in a box. */
export function gridFor(width: number, height: number, count: number, gap: number): Grid {
  let best: Grid = { columns: 1, rows: Math.max(1, count), tileWidth: 0, tileHeight: 0 };
  for (let columns = 1; columns <= Math.max(1, count); columns++) {
    const rows = Math.ceil(Math.max(1, count) / columns);
    const cellWidth = (width - gap * (columns - 1)) / columns;
    const cellHeight = (height - gap * (rows - 1)) / rows;
    const tileWidth = Math.floor(Math.max(0, Math.min(cellWidth, cellHeight * aspect)));
    // In a tall box, several columns of slightly smaller tiles look better than one long column.
    const wanted = columns <= rows ? best.tileWidth * 0.75 : best.tileWidth;
    if (tileWidth > wanted) best = { columns, rows, tileWidth, tileHeight: Math.floor(tileWidth / aspect) };
  }
  return best;
}

/** How many tiles fit a box, each at least `smallest` wide, but not more than there are slots. */
export function capacityOf(width: number, height: number, gap: number, smallest: number, slots: number): number {
  let fits = 1;
  for (let count = 2; count <= slots; count++) {
    if (gridFor(width, height, count, gap).tileWidth < smallest) break;
    fits = count;
  }
  return fits;
}

/**
 * Who is on the first page: the order stays as it was, so that nobody jumps about, but who speaks and would be unseen takes the place of
 * the one on the page who has been silent for longest.
 *
 * `spoke` tells when somebody was last heard, in any increasing unit; 0 for never.
 */
export function promoteSpeakers(order: readonly string[], capacity: number, speaking: readonly string[], spoke: (id: string) => number): string[] {
  const next = [...order];
  if (capacity < 1) return next;
  for (const speaker of speaking) {
    const at = next.indexOf(speaker);
    if (at < capacity) continue;
    let quietest = -1;
    for (let index = Math.min(capacity, next.length) - 1; index >= 0; index--) {
      const id = next[index] as string;
      if (speaking.includes(id)) continue;
      if (quietest < 0 || spoke(id) < spoke(next[quietest] as string)) quietest = index;
    }
    if (quietest < 0) break;
    const [unseen, seen] = [next[at] as string, next[quietest] as string];
    next[at] = seen;
    next[quietest] = unseen;
  }
  return next;
}

/** The old order without those who left, and those who came at its end. */
export function keepOrder(order: readonly string[], present: readonly string[]): string[] {
  const here = new Set(present);
  const kept = order.filter((id) => here.has(id));
  const known = new Set(kept);
  return [...kept, ...present.filter((id) => !known.has(id))];
}
