// go run . HOST:PORT SKETCH.png
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"time"

	"google.golang.org/genproto/googleapis/rpc/code"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	pb "sketchzoo-example/search"
)

func main() {
	target, sketch := os.Args[1], os.Args[2]
	content, err := os.ReadFile(sketch)
	if err != nil {
		log.Fatal(err)
	}
	connection, err := grpc.NewClient(target, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		log.Fatal(err)
	}
	defer connection.Close()
	service := pb.NewSearchServiceClient(connection)

	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if token := os.Getenv("TOKEN"); token != "" {
		ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+token)
	}
	query := &pb.Query{Source: &pb.Query_Sketch{Sketch: content}}
	response, err := service.Search(ctx, &pb.SearchRequest{Query: query, Limit: 3})
	if err != nil {
		log.Fatal(err)
	}
	for _, hit := range response.Hits {
		fmt.Printf("%.4f %s %s\n", hit.Score, hit.ClassName, hit.PhotoId)
	}

	_, err = service.Search(ctx, &pb.SearchRequest{Query: query, Limit: 5000})
	// What is wrong, for a program to read.
	for _, detail := range status.Convert(err).Details() {
		if bad, ok := detail.(*errdetails.BadRequest); ok {
			for _, violation := range bad.FieldViolations {
				name := code.Code(status.Code(err)).String()
				fmt.Println(name, violation.Field, violation.Description)
			}
		}
	}
}
