package jingxi

import (
	"context"

	"google.golang.org/protobuf/proto"

	"jingxi.dev/client/internal/spool"
	pdpv1 "jingxi.dev/client/pdp/v1"
)

// reportFallbacks sends events and returns the number up to which the service has them.
func (c *Client) reportFallbacks(ctx context.Context, entries []spool.Entry) (int64, error) {
	request := &pdpv1.ReportFallbacksRequest{ClientId: c.folder.ClientID}
	for _, entry := range entries {
		event := &pdpv1.FallbackEvent{}
		if entry.Payload == nil || proto.Unmarshal(entry.Payload, event) != nil {
			event = &pdpv1.FallbackEvent{} // lost: its number alone
		}
		event.Sequence = entry.Number
		request.Events = append(request.Events, event)
	}
	reply, err := pdpv1.NewFallbackServiceClient(c.connection).ReportFallbacks(ctx, request)
	return reply.GetRecordedThrough(), err
}
