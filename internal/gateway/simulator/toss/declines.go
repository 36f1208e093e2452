package toss

import "net/http"

// Decline is how Toss Payments says no.
type Decline struct {
	Status  int
	Code    string
	Message string
}

// DeclineOf is the decline that an outcome of the simulator ends in. The codes are those of Toss's own list, but for
// that of unknown_code.
func DeclineOf(outcome string) Decline {
	switch outcome {
	case "insufficient_funds", "error_declined":
		return Decline{http.StatusForbidden, "REJECT_CARD_PAYMENT", "한도초과 혹은 잔액부족으로 결제에 실패했습니다."}
	case "limit_exceeded":
		return Decline{http.StatusBadRequest, "EXCEED_MAX_DAILY_PAYMENT_COUNT", "하루 결제 가능 횟수를 초과했습니다."}
	case "hard":
		return Decline{http.StatusBadRequest, "INVALID_STOPPED_CARD", "정지된 카드 입니다."}
	case "stolen_card":
		return Decline{http.StatusBadRequest, "INVALID_CARD_LOST_OR_STOLEN", "분실 혹은 도난 카드입니다."}
	case "closed_account":
		return Decline{http.StatusBadRequest, "INVALID_CARD_NUMBER", "카드번호를 다시 확인해주세요."}
	case "action":
		return Decline{http.StatusBadRequest, "INVALID_REJECT_CARD", "카드 사용이 거절되었습니다. 카드사 문의가 필요합니다."}
	case "expired_card":
		return Decline{http.StatusBadRequest, "INVALID_CARD_EXPIRATION", "카드 정보를 다시 확인해주세요. (유효기간)"}
	case "try_later":
		return Decline{http.StatusBadRequest, "NOT_AVAILABLE_PAYMENT", "결제가 불가능한 시간대입니다."}
	case "processing_error":
		return Decline{http.StatusBadRequest, "MAINTAINED_METHOD", "현재 점검 중입니다."}
	case "unknown_code":
		return Decline{http.StatusBadRequest, "MOON_IN_WRONG_PHASE", "알 수 없는 사유로 거절되었습니다."}
	default:
		return Decline{http.StatusForbidden, "REJECT_CARD_COMPANY", "결제 승인이 거절되었습니다."}
	}
}
