import Clapperboard from "@lucide/svelte/icons/clapperboard";
import Radio from "@lucide/svelte/icons/radio";
import Share2 from "@lucide/svelte/icons/share-2";
import Video from "@lucide/svelte/icons/video";
import type { Component } from "svelte";
import type { RoomType } from "$lib/api";
import * as m from "$lib/paraglide/messages";

/** How a type of room is called and drawn. */
export const roomTypes: Record<RoomType, { icon: Component<{ size?: number }>; label: () => string }> = {
  meet: { icon: Video, label: m.common_type_meet },
  live: { icon: Radio, label: m.common_type_live },
  simulcast: { icon: Share2, label: m.common_type_simulcast },
  video: { icon: Clapperboard, label: m.common_type_video },
};
