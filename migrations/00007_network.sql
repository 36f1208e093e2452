-- The card network of a decline, and the network's rule that put an invoice off. NULL is none that is known. The columns are added in place,
-- while runs go on; every statement can be run again after it was killed.

-- +goose Up

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'network') = 0,
  'ALTER TABLE payment_attempts ADD COLUMN network VARCHAR(16) NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'hold_rule') = 0,
  'ALTER TABLE invoices ADD COLUMN hold_rule VARCHAR(64) NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose Down

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'hold_rule') > 0,
  'ALTER TABLE invoices DROP COLUMN hold_rule',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'network') > 0,
  'ALTER TABLE payment_attempts DROP COLUMN network',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;
