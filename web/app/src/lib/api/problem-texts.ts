import * as m from "$lib/paraglide/messages";

/** What to say about a problem: what happened, and what the reader can do about it. */
export interface ProblemText {
  what: string;
  todo: string;
}

/** A text for each `code` the API answers with, and for `network` and `unexpected`, which this page finds by itself. */
export const problemTexts = {
  malformed_json: () => ({ what: m.problem_malformed_json(), todo: m.problem_malformed_json_do() }),
  malformed_sdp: () => ({ what: m.problem_malformed_json(), todo: m.problem_malformed_json_do() }),
  precondition_required: () => ({ what: m.problem_malformed_json(), todo: m.problem_malformed_json_do() }),
  unauthorized: () => ({ what: m.problem_unauthorized(), todo: m.problem_unauthorized_do() }),
  access_code_required: () => ({ what: m.problem_access_code_required(), todo: m.problem_access_code_required_do() }),
  access_code_invalid: () => ({ what: m.problem_access_code_invalid(), todo: m.problem_access_code_invalid_do() }),
  session_invalid: () => ({ what: m.problem_session_invalid(), todo: m.problem_session_invalid_do() }),
  session_expired: () => ({ what: m.problem_session_expired(), todo: m.problem_session_expired_do() }),
  forbidden: () => ({ what: m.problem_forbidden(), todo: m.problem_forbidden_do() }),
  banned: () => ({ what: m.problem_banned(), todo: m.problem_banned_do() }),
  room_locked: () => ({ what: m.problem_room_locked(), todo: m.problem_room_locked_do() }),
  room_suspended: () => ({ what: m.problem_room_suspended(), todo: m.problem_room_suspended_do() }),
  origin_not_allowed: () => ({ what: m.problem_origin_not_allowed(), todo: m.problem_origin_not_allowed_do() }),
  limit_exceeded: () => ({ what: m.problem_limit_exceeded(), todo: m.problem_limit_exceeded_do() }),
  quota_exceeded: () => ({ what: m.problem_quota_exceeded(), todo: m.problem_quota_exceeded_do() }),
  not_found: () => ({ what: m.problem_not_found(), todo: m.problem_not_found_do() }),
  token_unknown: () => ({ what: m.problem_token_unknown(), todo: m.problem_token_unknown_do() }),
  room_full: () => ({ what: m.problem_room_full(), todo: m.problem_room_full_do() }),
  not_started: () => ({ what: m.problem_not_started(), todo: m.problem_not_started_do() }),
  wrong_room_type: () => ({ what: m.problem_wrong_room_type(), todo: m.problem_wrong_room_type_do() }),
  publisher_conflict: () => ({ what: m.problem_publisher_conflict(), todo: m.problem_publisher_conflict_do() }),
  in_use: () => ({ what: m.problem_in_use(), todo: m.problem_in_use_do() }),
  not_ready: () => ({ what: m.problem_not_ready(), todo: m.problem_not_ready_do() }),
  offset_mismatch: () => ({ what: m.problem_offset_mismatch(), todo: m.problem_offset_mismatch_do() }),
  precondition_failed: () => ({ what: m.problem_precondition_failed(), todo: m.problem_precondition_failed_do() }),
  body_too_large: () => ({ what: m.problem_body_too_large(), todo: m.problem_body_too_large_do() }),
  unsupported_media_type: () => ({ what: m.problem_unsupported_media_type(), todo: m.problem_unsupported_media_type_do() }),
  validation_failed: () => ({ what: m.problem_validation_failed(), todo: m.problem_validation_failed_do() }),
  unknown_field: () => ({ what: m.problem_unknown_field(), todo: m.problem_unknown_field_do() }),
  read_only: () => ({ what: m.problem_read_only(), todo: m.problem_read_only_do() }),
  room_type_immutable: () => ({ what: m.problem_room_type_immutable(), todo: m.problem_room_type_immutable_do() }),
  codes_equal: () => ({ what: m.problem_codes_equal(), todo: m.problem_codes_equal_do() }),
  nested_metadata: () => ({ what: m.problem_nested_metadata(), todo: m.problem_nested_metadata_do() }),
  address_not_allowed: () => ({ what: m.problem_address_not_allowed(), todo: m.problem_address_not_allowed_do() }),
  codec_not_supported: () => ({ what: m.problem_codec_not_supported(), todo: m.problem_codec_not_supported_do() }),
  idempotency_key_reused: () => ({ what: m.problem_idempotency_key_reused(), todo: m.problem_idempotency_key_reused_do() }),
  too_many_attempts: () => ({ what: m.problem_too_many_attempts(), todo: m.problem_too_many_attempts_do() }),
  rate_limited: () => ({ what: m.problem_rate_limited(), todo: m.problem_rate_limited_do() }),
  shutting_down: () => ({ what: m.problem_shutting_down(), todo: m.problem_shutting_down_do() }),
  overloaded: () => ({ what: m.problem_overloaded(), todo: m.problem_overloaded_do() }),
  network: () => ({ what: m.problem_network(), todo: m.problem_network_do() }),
  unexpected: () => ({ what: m.problem_unexpected(), todo: m.problem_unexpected_do() }),
} as const satisfies Record<string, () => ProblemText>;

/** A problem code this page has words for. */
export type ProblemCode = keyof typeof problemTexts;

/** Tells whether there are words for a code. */
export function isProblemCode(code: string): code is ProblemCode {
  return Object.hasOwn(problemTexts, code);
}
