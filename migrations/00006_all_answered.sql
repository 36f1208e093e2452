-- Whether the gateway itself answered every request of an attempt in doubt; NULL: it did not. The statement changes what the server knows of
-- the table, and no row.

-- +goose Up

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'all_answered') = 0,
  'ALTER TABLE payment_attempts ADD COLUMN all_answered BOOLEAN NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose Down

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'all_answered') > 0,
  'ALTER TABLE payment_attempts DROP COLUMN all_answered',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;
