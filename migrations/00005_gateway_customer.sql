-- The second identifier of a payment method, and room for longer ones. Whole tables are neither copied nor read: each statement changes what
-- the server knows of a table, waits for the transactions that use the table, and is done. Each can be run again after it was killed. A
-- subscriptions that is a view of the shop's stays as it is: a column that it lacks is NULL.

-- +goose Up

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'gateway_customer') = 0,
  'ALTER TABLE payment_attempts ADD COLUMN gateway_customer VARCHAR(300) NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = COALESCE(
  (SELECT CONCAT('ALTER TABLE payment_attempts MODIFY COLUMN payment_method VARCHAR(255) CHARACTER SET ', character_set_name,
     ' COLLATE ', collation_name, ' NOT NULL, ALGORITHM=INPLACE, LOCK=NONE') FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'payment_method' AND character_maximum_length < 255),
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
   WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND column_name = 'gateway_customer') = 0,
  'ALTER TABLE subscriptions ADD COLUMN gateway_customer VARCHAR(300) NULL, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = COALESCE(
  (SELECT CONCAT('ALTER TABLE subscriptions MODIFY COLUMN payment_method VARCHAR(255) CHARACTER SET ', c.character_set_name,
     ' COLLATE ', c.collation_name, ' NOT NULL, ALGORITHM=INPLACE, LOCK=NONE')
   FROM information_schema.columns c JOIN information_schema.tables t ON t.table_schema = c.table_schema AND t.table_name = c.table_name
   WHERE c.table_schema = DATABASE() AND c.table_name = 'subscriptions' AND c.column_name = 'payment_method'
   AND c.character_maximum_length < 255 AND t.table_type = 'BASE TABLE'),
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose Down

-- The columns stay as wide as they are: a longer text would not fit.

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.tables
   WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND table_type = 'BASE TABLE') > 0
  AND (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'subscriptions' AND column_name = 'gateway_customer') > 0,
  'ALTER TABLE subscriptions DROP COLUMN gateway_customer',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'gateway_customer') > 0,
  'ALTER TABLE payment_attempts DROP COLUMN gateway_customer',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;
