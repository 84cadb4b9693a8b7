export { adminApi, ask, publicApi, sessionApi, type Answer, type Api } from "./client";
export { fieldError, Problem, problemFrom, problemFromAnswer, problemText, type FieldFault } from "./problem";
export type { ProblemText } from "./problem-texts";
export type { DoorAnswer, DoorRef, JoinAnswer, PublicRoom, Role, RoomType } from "./types";
export type { paths, components } from "./schema.gen";
