package jingxi

import "context"

// Masker masks messages: Client does by the service, offline.Client by a bundle.
type Masker interface {
	// Mask returns a masked copy of a message; see Client.Mask.
	Mask(ctx context.Context, message any, about Message, subject Subject, options ...CallOption) (*Masked, error)
	// MaskJSON masks the text of a message; see Client.MaskJSON.
	MaskJSON(ctx context.Context, message []byte, about Message, subject Subject, options ...CallOption) ([]byte, *Masked, error)
}

// Question says what a reply is and who sees it; middleware asks for it.
type Question struct {
	// Message names the reply as its map does.
	Message Message
	// Subject is who sees it.
	Subject Subject
	// Options say more, such as WithContext.
	Options []CallOption
}
