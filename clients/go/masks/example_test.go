package masks_test

import (
	"fmt"

	"jingxi.dev/client/masks"
)

func ExampleApply() {
	shown, _ := masks.Apply("keep", map[string]any{"prefix": 3, "suffix": 4}, "13812348000")
	fmt.Println(shown)
	// Output: 138****8000
}

func ExampleNew() {
	mask, err := masks.New("bucket", map[string]any{"edges": []string{"50000", "100000"}})
	if err != nil {
		panic(err)
	}
	for _, balance := range []any{"49999.99", 67890.12, "1,234,567.89"} {
		shown, _ := mask.Mask(balance)
		fmt.Println(shown)
	}
	// Output:
	// <50000
	// 50000–100000
	// ≥100000
}
