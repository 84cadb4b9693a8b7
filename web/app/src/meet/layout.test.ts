import { describe, expect, it } from "vitest";
import { capacityOf, gridFor, keepOrder, promoteSpeakers } from "./layout";

describe("the grid", () => {
  it.each([
    ["one tile fills the width", 1600, 900, 1, { columns: 1, rows: 1, tileWidth: 1600 }],
    ["two stand side by side in a wide box", 1600, 500, 2, { columns: 2, rows: 1 }],
    ["two stand above each other in a tall box", 400, 800, 2, { columns: 1, rows: 2 }],
    ["four make a square", 1600, 900, 4, { columns: 2, rows: 2 }],
    ["nine make three rows of three", 1600, 900, 9, { columns: 3, rows: 3 }],
  ])("%s", (_name, width, height, count, grid) => {
    expect(gridFor(width, height, count, 8)).toMatchObject(grid);
  });

  it("never overflows its box and keeps 16:9", () => {
    for (let count = 1; count <= 25; count++) {
      for (const [width, height] of [[360, 640], [1280, 640], [800, 800], [2560, 1000]] as const) {
        const grid = gridFor(width, height, count, 8);
        expect(grid.columns * grid.rows).toBeGreaterThanOrEqual(count);
        expect(grid.columns * grid.tileWidth + (grid.columns - 1) * 8).toBeLessThanOrEqual(width);
        expect(grid.rows * grid.tileHeight + (grid.rows - 1) * 8).toBeLessThanOrEqual(height);
        expect(Math.abs(grid.tileWidth / 16 - grid.tileHeight / 9)).toBeLessThan(0.12);
      }
    }
  });

  it("is empty in a box without room", () => {
    expect(gridFor(0, 0, 4, 8).tileWidth).toBe(0);
    expect(capacityOf(0, 0, 8, 160, 9)).toBe(1);
  });

  it("holds as many as fit, and no more than there are slots", () => {
    expect(capacityOf(1600, 900, 8, 160, 9)).toBe(9);
    expect(capacityOf(344, 420, 8, 160, 9)).toBe(8);
  });
});

describe("the order of tiles", () => {
  const never = () => 0;

  it("stays when those who speak are seen already", () => {
    expect(promoteSpeakers(["a", "b", "c"], 2, ["b"], never)).toEqual(["a", "b", "c"]);
  });

  it("puts an unseen speaker in the place of the one silent for longest", () => {
    const spoke = new Map([["a", 5], ["b", 3]]);
    expect(promoteSpeakers(["a", "b", "c"], 2, ["c"], (id) => spoke.get(id) ?? 0)).toEqual(["a", "c", "b"]);
  });

  it("does not take the place of another speaker", () => {
    expect(promoteSpeakers(["a", "b", "c"], 2, ["a", "b", "c"], never)).toEqual(["a", "b", "c"]);
    expect(promoteSpeakers(["a"], 0, ["a"], never)).toEqual(["a"]);
    expect(promoteSpeakers(["a"], 1, ["gone"], never)).toEqual(["a"]);
  });

  it("keeps those who stay where they are", () => {
    expect(keepOrder(["c", "a", "b"], ["a", "b", "d", "c"])).toEqual(["c", "a", "b", "d"]);
    expect(keepOrder(["c", "a", "b"], ["b", "e"])).toEqual(["b", "e"]);
  });
});
