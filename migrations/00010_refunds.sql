-- Refunds of invoices and of payments of orders, in whole or in part. The shop inserts what is asked for; everything else is duly's. A refund
-- is unsettled (1, else NULL) from its claim until its outcome is known: a payment has one at most. The columns are added in place.

-- +goose Up

CREATE TABLE IF NOT EXISTS refunds (
  id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY,
  invoice_id BIGINT UNSIGNED NULL,
  payment_id BIGINT UNSIGNED NULL,
  amount BIGINT NULL,
  currency CHAR(3) NULL,
  reason VARCHAR(255) NOT NULL,
  restock BOOLEAN NOT NULL DEFAULT FALSE,
  follow_up VARCHAR(20) NULL,
  requested_by VARCHAR(191) NOT NULL DEFAULT 'shop',
  origin VARCHAR(12) NOT NULL DEFAULT 'request',
  status VARCHAR(20) NOT NULL DEFAULT 'requested',
  unsettled TINYINT UNSIGNED NULL,
  number INT UNSIGNED NULL,
  idempotency_key VARCHAR(64) NULL,
  gateway VARCHAR(32) NULL,
  gateway_payment_id VARCHAR(255) NULL,
  refunded_before BIGINT NULL,
  sent_amount BIGINT NULL,
  sent_at DATETIME(6) NULL,
  tries INT NOT NULL DEFAULT 0,
  next_try_at DATETIME(6) NULL,
  lease BINARY(16) NULL,
  run_id BIGINT UNSIGNED NULL,
  restocked BOOLEAN NOT NULL DEFAULT FALSE,
  detail VARCHAR(255) NULL,
  created_at DATETIME(6) NOT NULL DEFAULT (UTC_TIMESTAMP(6)),
  settled_at DATETIME(6) NULL,
  UNIQUE KEY once_per_key (idempotency_key),
  UNIQUE KEY one_of_invoice (invoice_id, unsettled),
  UNIQUE KEY one_of_payment (payment_id, unsettled),
  KEY walk (status, origin, id),
  KEY by_settlement (settled_at),
  CONSTRAINT refunds_of_one CHECK ((invoice_id IS NULL) <> (payment_id IS NULL)),
  CONSTRAINT refunds_amount CHECK (amount > 0),
  CONSTRAINT refunds_follow_up CHECK (follow_up IS NULL OR follow_up IN ('end_subscription', 'give_period_back') AND invoice_id IS NOT NULL),
  CONSTRAINT refunds_restock CHECK (restock = 0 OR payment_id IS NOT NULL),
  CONSTRAINT refunds_status CHECK (status IN ('requested', 'in_flight', 'in_doubt', 'refunded', 'refused', 'cancelled', 'review'))
) ENGINE=InnoDB ROW_FORMAT=DYNAMIC DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'refunded_amount') = 0,
  'ALTER TABLE payment_attempts ADD COLUMN refunded_amount BIGINT NOT NULL DEFAULT 0, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'refunded_amount') = 0,
  'ALTER TABLE invoices ADD COLUMN refunded_amount BIGINT NOT NULL DEFAULT 0, ALGORITHM=INSTANT',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose Down

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'invoices' AND column_name = 'refunded_amount') > 0,
  'ALTER TABLE invoices DROP COLUMN refunded_amount',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

-- +goose StatementBegin
SET @duly_ddl = IF(
  (SELECT COUNT(*) FROM information_schema.columns
   WHERE table_schema = DATABASE() AND table_name = 'payment_attempts' AND column_name = 'refunded_amount') > 0,
  'ALTER TABLE payment_attempts DROP COLUMN refunded_amount',
  'DO 0');
-- +goose StatementEnd
PREPARE duly_ddl FROM @duly_ddl;
EXECUTE duly_ddl;
DEALLOCATE PREPARE duly_ddl;

DROP TABLE IF EXISTS refunds;
