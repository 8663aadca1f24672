# A content network in front of the load balancer: pages and pictures from near the user, forecasts and everything
# signed in always from the service. `domain` is the balancer's name, `public_domain` the one that users see.

module "storecast" {
  source = "../../modules/system"

  environment   = "production"
  vpc_cidr      = "10.50.0.0/16"
  instance_type = "m6i.large"
  load_balancer = { domain = var.domain, zone_id = var.zone_id }
}

# Policies that AWS keeps for everybody, by their names.
data "aws_cloudfront_cache_policy" "never" {
  name = "Managed-CachingDisabled"
}

data "aws_cloudfront_cache_policy" "files" {
  name = "Managed-CachingOptimized"
}

data "aws_cloudfront_origin_request_policy" "all" {
  name = "Managed-AllViewerExceptHostHeader"
}

data "aws_cloudfront_response_headers_policy" "secure" {
  name = "Managed-SecurityHeadersPolicy"
}

resource "aws_cloudfront_distribution" "this" {
  # checkov:skip=CKV_AWS_86:the load balancer keeps access logs
  # checkov:skip=CKV_AWS_374:planners travel
  # checkov:skip=CKV_AWS_310:there is one origin
  # checkov:skip=CKV_AWS_305:the origin answers /
  enabled         = true
  is_ipv6_enabled = true
  http_version    = "http2and3"
  comment         = "Storecast"
  aliases         = [var.public_domain]
  price_class     = "PriceClass_100"

  origin {
    origin_id   = "balancer"
    domain_name = var.domain

    custom_origin_config {
      http_port              = 80
      https_port             = 443
      origin_protocol_policy = "https-only"
      origin_ssl_protocols   = ["TLSv1.2"]
    }
  }

  default_cache_behavior {
    target_origin_id           = "balancer"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD", "OPTIONS", "PUT", "POST", "PATCH", "DELETE"]
    cached_methods             = ["GET", "HEAD"]
    cache_policy_id            = data.aws_cloudfront_cache_policy.never.id
    origin_request_policy_id   = data.aws_cloudfront_origin_request_policy.all.id
    response_headers_policy_id = data.aws_cloudfront_response_headers_policy.secure.id
  }

  # Streamlit's own files carry their hash in their names.
  ordered_cache_behavior {
    path_pattern               = "/static/*"
    target_origin_id           = "balancer"
    viewer_protocol_policy     = "redirect-to-https"
    allowed_methods            = ["GET", "HEAD"]
    cached_methods             = ["GET", "HEAD"]
    compress                   = true
    cache_policy_id            = data.aws_cloudfront_cache_policy.files.id
    response_headers_policy_id = data.aws_cloudfront_response_headers_policy.secure.id
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    acm_certificate_arn      = var.certificate_arn
    ssl_support_method       = "sni-only"
    minimum_protocol_version = "TLSv1.2_2021"
  }
}

output "address" {
  description = "What the public domain's record points at."
  value       = aws_cloudfront_distribution.this.domain_name
}
