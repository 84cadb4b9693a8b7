import * as m from "$lib/paraglide/messages";
import type { Concern } from "./health";

/** What a presenter should know, in their words. */
export function concernText(concern: Concern, codec: string): string {
  switch (concern) {
    case "nothing_sent":
      return m.studio_concern_nothing_sent();
    case "weak_network":
      return m.studio_concern_weak_network();
    case "slow_computer":
      return m.studio_concern_slow_computer();
    case "losses":
      return m.studio_concern_losses();
    case "codec":
      return m.studio_concern_codec({ codec });
    case "no_sound":
      return m.studio_concern_no_sound();
  }
}
