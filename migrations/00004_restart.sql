-- What proves on its own host that a run is dead, and which run took over what it left. NULL, as of a run of the version before, proves
-- nothing: its lease is waited for. Every statement can be run again after it was killed; the columns are added in place, while runs go on.

-- +goose Up

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'job_runs' AND column_name = 'boot_id') = 0,
  'ALTER TABLE job_runs
     ADD COLUMN boot_id VARCHAR(36) NULL,
     ADD COLUMN lock_proof VARCHAR(96) NULL,
     ADD COLUMN recovered_by BIGINT UNSIGNED NULL,
     ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose Down

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'job_runs' AND column_name = 'boot_id') > 0,
  'ALTER TABLE job_runs DROP COLUMN recovered_by, DROP COLUMN lock_proof, DROP COLUMN boot_id',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;
