-- +goose Up
ALTER TABLE room_runs ADD COLUMN ended_run_id TEXT; -- the last one that ended

-- +goose Down
ALTER TABLE room_runs DROP COLUMN ended_run_id;
