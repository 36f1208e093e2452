-- Charges before the date of a stage: the date that the stage has, the day on which a new payment method was last charged, and the fingerprint of
-- a method that a gateway's answer put in place of an attempt's. NULL: none. The columns are added in place, while runs go on; every statement can
-- be run again after it was killed.

-- +goose Up

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'stage_date') = 0,
  'ALTER TABLE invoices ADD COLUMN stage_date DATE NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'advanced_date') = 0,
  'ALTER TABLE invoices ADD COLUMN advanced_date DATE NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'replaced_by') = 0,
  'ALTER TABLE payment_attempts ADD COLUMN replaced_by BINARY(32) NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose Down

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'replaced_by') > 0,
  'ALTER TABLE payment_attempts DROP COLUMN replaced_by',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'advanced_date') > 0,
  'ALTER TABLE invoices DROP COLUMN advanced_date',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'stage_date') > 0,
  'ALTER TABLE invoices DROP COLUMN stage_date',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;
