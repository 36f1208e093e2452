-- Dunning policies: which one a subscription has, and what an invoice keeps of the one that it is being dunned by. Each statement changes what the
-- server knows of a table, waits for the transactions that use the table, and is done. Each can be run again after it was killed. A subscriptions
-- that is a view of the shop's stays as it is: a column that it lacks is NULL.

-- +goose Up

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'dunning') = 0,
  'ALTER TABLE invoices ADD COLUMN dunning VARCHAR(64) NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.tables
   WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND table_type = 'BASE TABLE') > 0
  AND (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND column_name = 'dunning_policy') = 0,
  'ALTER TABLE subscriptions ADD COLUMN dunning_policy VARCHAR(32) NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose Down

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.tables
   WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND table_type = 'BASE TABLE') > 0
  AND (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND column_name = 'dunning_policy') > 0,
  'ALTER TABLE subscriptions DROP COLUMN dunning_policy',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'dunning') > 0,
  'ALTER TABLE invoices DROP COLUMN dunning',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;
