package messagemap

import "jingxi.dev/client/internal/values"

// Caller is what the caller says about a question; attributes by name without the namespace.
type Caller struct {
	SubjectID          string
	Roles              []string
	SubjectAttributes  map[string]any
	Action             string
	ActionAttributes   map[string]any
	ResourceType       string
	ResourceID         string
	ResourceAttributes map[string]any
	Context            map[string]any
}

// Check refuses texts that cannot be sent.
func (c *Caller) Check() error {
	if err := c.checkTexts(); err != nil {
		return err
	}
	for _, attributes := range [...]map[string]any{c.SubjectAttributes, c.ActionAttributes, c.ResourceAttributes, c.Context} {
		for name := range attributes {
			if err := checkName(name); err != nil {
				return err
			}
		}
	}
	return nil
}

func checkName(name string) error { return values.Text("the name of an attribute", name) }

// checkTexts is Check for all but the names of attributes.
func (c *Caller) checkTexts() error {
	for _, own := range [...]struct{ name, value string }{
		{"subject.id", c.SubjectID}, {"action.name", c.Action}, {"resource.type", c.ResourceType}, {"resource.id", c.ResourceID},
	} {
		if err := values.Text(own.name, own.value); err != nil {
			return err
		}
	}
	for _, role := range c.Roles {
		if err := values.Text("subject.roles", role); err != nil {
			return err
		}
	}
	return nil
}
