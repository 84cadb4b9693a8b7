import { describe, expect, it } from "vitest";
import type { Room } from "$lib/api/schema.gen";
import { apiQuery, filtersOf, isNarrowed, nextSort, sorted, sortOf } from "./filters";

describe("the rooms list's filters in the address", () => {
  it("reads what the address says", () => {
    const filters = filtersOf(new URLSearchParams("q=board%20room&type=meet&status=active&customer=c1"));
    expect(filters).toEqual({ q: "board room", type: "meet", status: "active", customer: "c1", subscription: "" });
    expect(apiQuery(filters)).toEqual({ q: "board room", room_type: "meet", status: "active", customer_id: "c1" });
    expect(isNarrowed(filters)).toBe(true);
  });

  it("takes no notice of what makes no sense", () => {
    const filters = filtersOf(new URLSearchParams("type=cinema&status=broken&sort=colour"));
    expect(isNarrowed(filters)).toBe(false);
    expect(apiQuery(filters)).toEqual({});
    expect(sortOf(new URLSearchParams("sort=colour"))).toBe("");
  });
});

describe("the order of rooms", () => {
  const room = (room_name: string, created_at: string) => ({ room_name, created_at, room_type: "meet" }) as Room;
  const rooms = [room("Room 10", "2026-01-03T00:00:00Z"), room("room 9", "2026-01-02T00:00:00Z"), room("Áa", "2026-01-01T00:00:00Z")];

  it("compares names as people do", () => {
    expect(sorted(rooms, "name").map((one) => one.room_name)).toEqual(["Áa", "room 9", "Room 10"]);
    expect(sorted(rooms, "-name").map((one) => one.room_name)).toEqual(["Room 10", "room 9", "Áa"]);
  });

  it("goes up, down and back", () => {
    expect(nextSort("", "name")).toBe("name");
    expect(nextSort("name", "name")).toBe("-name");
    expect(nextSort("-name", "name")).toBe("");
    expect(nextSort("name", "type")).toBe("type");
    expect(nextSort("created", "created")).toBe("");
    expect(sorted(rooms, "created")[0]?.room_name).toBe("Áa");
    expect(sorted(rooms, "")).toBe(rooms);
  });
});
