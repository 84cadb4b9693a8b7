import { describe, expect, it } from "vitest";
import type { Participant, Source } from "$lib/signaling/protocol.gen";
import { planStage, viewOf, type StageInput } from "./stage-plan";

function people(count: number, sharing: string[] = []): Pick<StageInput, "order" | "find"> {
  const all = new Map<string, Participant>();
  for (let index = 0; index < count; index++) {
    const id = `p${index}`;
    const sources: Source[] = sharing.includes(id) ? ["camera", "screen"] : ["camera"];
    all.set(id, { id, name: id, role: "participant", joined_at: "2030-01-01T00:00:00Z", hand: false, tracks: sources.map((source) => ({ source, muted: false })) });
  }
  return { order: [...all.keys()], find: (id) => all.get(id) };
}

const desk = { width: 1264, height: 640, pinned: null, page: 0, videoSlots: 12 };
const phone = { width: 344, height: 560, pinned: null, page: 0, videoSlots: 6 };

describe("the stage", () => {
  it("shows all in a grid", () => {
    const plan = planStage({ ...desk, ...people(4) });
    expect(plan).toMatchObject({ main: null, columns: 2, pages: 1 });
    expect(plan.tiles.map(({ key }) => key)).toEqual(["p0/camera", "p1/camera", "p2/camera", "p3/camera"]);
  });

  it("pages what does not fit, and falls back to the last page there is", () => {
    const first = planStage({ ...phone, ...people(14) });
    expect(first).toMatchObject({ page: 0, pages: 3 });
    expect(first.tiles).toHaveLength(6);
    const last = planStage({ ...phone, ...people(14), page: 9 });
    expect(last.page).toBe(2);
    expect(last.tiles.map(({ participant }) => participant)).toEqual(["p12", "p13"]);
    expect(last.tileWidth, "tiles of the last page are as large as those before").toBe(first.tileWidth);
  });

  it("shows a shared screen large, with faces beside it where there is room", () => {
    const plan = planStage({ ...desk, ...people(3, ["p1"]) });
    expect(plan.main).toMatchObject({ participant: "p1", source: "screen" });
    expect(plan.beside).toBe(true);
    expect(plan.tiles.map(({ key }) => key)).toEqual(["p0/camera", "p1/camera", "p2/camera"]);
    expect(plan.mainSize.width + plan.tileWidth).toBeLessThan(desk.width);
    expect(planStage({ ...phone, ...people(3, ["p1"]) }).beside).toBe(false);
  });

  it("shows a pinned person large instead, and forgets one who left", () => {
    const plan = planStage({ ...desk, ...people(3, ["p1"]), pinned: "p2" });
    expect(plan.main).toMatchObject({ participant: "p2", source: "camera" });
    expect(plan.tiles.map(({ participant }) => participant)).toEqual(["p0", "p1"]);
    expect(planStage({ ...desk, ...people(2), pinned: "gone" }).main).toBeNull();
  });

  it("never asks for more videos than there are slots", () => {
    for (const sharing of [[], ["p3"]]) {
      const plan = planStage({ ...desk, width: 4000, height: 3000, ...people(60, sharing) });
      expect(viewOf(plan, 1).length).toBeLessThanOrEqual(desk.videoSlots);
    }
  });

  it("asks for sizes in device pixels, the large picture first", () => {
    const view = viewOf(planStage({ ...desk, ...people(2, ["p1"]) }), 2);
    expect(view[0]).toMatchObject({ participant: "p1", source: "screen", height: 1280 });
    expect(view[1]).toMatchObject({ source: "camera", width: 400 });
  });
});
