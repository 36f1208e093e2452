-- A refund that may have been executed has no status that says that it is over, not even by an UPDATE of the shop's that leaves out what it is
-- taken from fails. Rows that were changed so go to review first. restock is a yes or a no, and what is requested has an origin that a run goes by: no run has executed what has
-- another one, and none will before somebody has said so. The table is copied once, which lasts as long as there
-- are refunds; writes to it wait meanwhile, and runs go on. Every statement can be run again after it was killed.

-- +goose Up

UPDATE refunds SET detail = CONCAT('it was changed to ', status, ' while it may have been executed'), status = 'review', settled_at = NULL,
lease = NULL, run_id = NULL, next_try_at = UTC_TIMESTAMP(6) + INTERVAL 1 HOUR
WHERE unsettled IS NOT NULL AND status NOT IN ('in_flight', 'in_doubt', 'review');

UPDATE refunds SET restock = 1 WHERE restock NOT IN (0, 1);

UPDATE refunds SET detail = CONCAT('no run has executed it, since its origin was ', origin, ': was it made already?'), status = 'review', settled_at = NULL,
lease = NULL, run_id = NULL, next_try_at = IF(sent_at IS NULL, NULL, UTC_TIMESTAMP(6) + INTERVAL 1 HOUR)
WHERE origin NOT IN ('request', 'refund_due') AND status IN ('requested', 'in_flight', 'in_doubt');

UPDATE refunds SET origin = 'request' WHERE origin NOT IN ('request', 'refund_due') AND (origin <> 'provider' OR status <> 'refunded');

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.table_constraints
   WHERE table_schema = DATABASE() AND table_name = 'refunds' AND constraint_name = 'refunds_unsettled') = 0,
  'ALTER TABLE refunds ADD CONSTRAINT refunds_unsettled CHECK (unsettled IS NULL OR status IN (''in_flight'', ''in_doubt'', ''review'')), ADD CONSTRAINT refunds_restock_flag CHECK (restock IN (0, 1)), ADD CONSTRAINT refunds_origin CHECK (origin IN (''request'', ''refund_due'') OR origin = ''provider'' AND status = ''refunded'')',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose Down

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.table_constraints
   WHERE table_schema = DATABASE() AND table_name = 'refunds' AND constraint_name = 'refunds_unsettled') > 0,
  'ALTER TABLE refunds DROP CONSTRAINT refunds_unsettled, DROP CONSTRAINT refunds_restock_flag, DROP CONSTRAINT refunds_origin',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;
