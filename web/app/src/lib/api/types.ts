import type { Answer } from "./client";
import type { paths } from "./schema.gen";

/** What the door says before anybody joins. */
export type DoorAnswer = Answer<paths["/api/v1/door"]["post"]>;
/** What joining (and asking for the session again, and renewing it) answers. */
export type JoinAnswer = Answer<paths["/api/v1/join"]["post"]>;
/** A room as those inside it see it. */
export type PublicRoom = JoinAnswer["room"];
/** One of the four room types. */
export type RoomType = PublicRoom["room_type"];
/** What a participant may do. */
export type Role = JoinAnswer["role"];

/** Which room somebody asks to enter, as the page's address names it. */
export type DoorRef = { token: string } | { room_id: string };
