import type { Participant, Source, Tile } from "$lib/signaling/protocol.gen";
import { capacityOf, gridFor } from "./layout";

/** One picture on the stage. */
export interface Shown {
  key: string;
  participant: string;
  source: Extract<Source, "camera" | "screen">;
}

/** What is where on the stage; sizes in CSS pixels. */
export interface StagePlan {
  /** Shown large, with the others in a strip; null in a grid. */
  main: Shown | null;
  mainSize: { width: number; height: number };
  tiles: Shown[];
  columns: number;
  tileWidth: number;
  tileHeight: number;
  /** The strip stands beside the large picture, or under it. */
  beside: boolean;
  page: number;
  pages: number;
}

export interface StageInput {
  width: number;
  height: number;
  /** The others, in the order of their tiles. */
  order: readonly string[];
  find: (id: string) => Participant | undefined;
  pinned: string | null;
  page: number;
  videoSlots: number;
}

const gap = 8;
const smallestTile = 150;
const stripWide = 200;
const stripTall = 112;

/** Lays the stage out: a grid of all, or one picture large when somebody shares a screen or is pinned. */
export function planStage(input: StageInput): StagePlan {
  const main = mainOf(input);
  return main ? spotlight(input, main) : grid(input);
}

/** The view to send for a plan: the large picture first, then the tiles, in device pixels. */
export function viewOf(plan: StagePlan, pixelRatio: number): Tile[] {
  const tile = ({ participant, source }: Shown, width: number, height: number): Tile => ({ participant, source, width: Math.round(width * pixelRatio), height: Math.round(height * pixelRatio) });
  return [
    ...(plan.main ? [tile(plan.main, plan.mainSize.width, plan.mainSize.height)] : []),
    ...plan.tiles.map((shown) => tile(shown, plan.tileWidth, plan.tileHeight)),
  ];
}

function mainOf({ order, find, pinned }: StageInput): Shown | null {
  const sharing = (id: string) => find(id)?.tracks.some(({ source, muted }) => source === "screen" && !muted) ?? false;
  if (pinned !== null && order.includes(pinned)) return shown(pinned, sharing(pinned) ? "screen" : "camera");
  const sharer = order.find(sharing);
  return sharer === undefined ? null : shown(sharer, "screen");
}

function grid({ width, height, order, page, videoSlots }: StageInput): StagePlan {
  const capacity = capacityOf(width, height, gap, Math.min(smallestTile, width), videoSlots);
  const pages = Math.max(1, Math.ceil(order.length / capacity));
  const at = Math.min(page, pages - 1);
  const tiles = order.slice(at * capacity, (at + 1) * capacity).map((id) => shown(id, "camera"));
  // A last page with one tile looks like the pages before it.
  const { columns, tileWidth, tileHeight } = gridFor(width, height, pages > 1 ? capacity : tiles.length, gap);
  return { main: null, mainSize: { width: 0, height: 0 }, tiles, columns, tileWidth, tileHeight, beside: false, page: at, pages };
}

function spotlight({ width, height, order, page, videoSlots }: StageInput, main: Shown): StagePlan {
  const beside = width > height * 1.25 && width > 640;
  // The one shown large by camera needs no tile; who shares a screen still has a face.
  const others = order.filter((id) => main.source === "screen" || id !== main.participant);
  const length = beside ? height : width;
  const tileWidth = beside ? stripWide : Math.round((stripTall * 16) / 9);
  const tileHeight = beside ? Math.round((stripWide * 9) / 16) : stripTall;
  const each = beside ? tileHeight : tileWidth;
  const capacity = Math.max(1, Math.min(videoSlots - 1, Math.floor((length + gap) / (each + gap))));
  const pages = Math.max(1, Math.ceil(others.length / capacity));
  const at = Math.min(page, pages - 1);
  const tiles = others.slice(at * capacity, (at + 1) * capacity).map((id) => shown(id, "camera"));
  const taken = tiles.length === 0 ? 0 : (beside ? stripWide : stripTall) + gap;
  const mainSize = beside ? { width: width - taken, height } : { width, height: height - taken };
  return { main, mainSize, tiles, columns: beside ? 1 : tiles.length, tileWidth, tileHeight, beside, page: at, pages };
}

function shown(participant: string, source: Shown["source"]): Shown {
  return { key: `${participant}/${source}`, participant, source };
}
